"""The page on which people draw and review whole masks."""
