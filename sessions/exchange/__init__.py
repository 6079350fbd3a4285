"""Moving conversations between machines and people, sealed for whoever is to read them."""
