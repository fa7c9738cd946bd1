"""A simulated world of senders and recipients, told by signed webhooks as the providers send them."""
