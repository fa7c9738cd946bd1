"""The simulated world: providers that post, people who read, and servers that take mail or refuse it."""
