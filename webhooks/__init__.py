"""Events coming in from providers: sources, the endpoint they post to, and one module per provider."""
