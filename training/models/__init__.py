"""Models that the factory makes, and the protocol that they follow."""
