"""The outbox: what is to be told is written with what made it true, and told until it is heard."""
