"""Opens, clicks and unsubscribes of the mail that is sent from here: added to it, taken in, told apart."""
