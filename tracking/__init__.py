"""Opens, clicks and unsubscribes of mail that was sent from here."""
