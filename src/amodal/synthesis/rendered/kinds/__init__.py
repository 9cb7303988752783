"""The kinds of rendered things: each function makes the parts of one, about 1 in size, upright, around the z axis."""
