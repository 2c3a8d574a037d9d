"""The web page: server-rendered, works without script, and sees only what the signed-in key may see."""
