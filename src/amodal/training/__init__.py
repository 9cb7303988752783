"""Floor 4: recipes to trained networks."""
