"""Real servers, another client, a hostile line and the corpus, for tests: independent of the code under test."""
