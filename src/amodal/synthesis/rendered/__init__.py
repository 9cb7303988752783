"""Made-up solid things on a table, rendered: pictures whose visible and whole masks are exact."""
