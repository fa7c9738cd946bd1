"""The ways out: straight to the recipients' servers, through a relay, through a provider."""
