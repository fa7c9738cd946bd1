"""Files of emails made in the background: asked for, made by a worker in small steps, kept for some days."""
