"""Design rules: decks by version, and the checks that compare a design with them."""
