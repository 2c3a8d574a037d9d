"""The contract of Scotoma: models, error codes, object keys, ports, and the light client.

Relative imports only: the wheel ``scotoma`` is this folder under another name.
"""

__version__ = "0.1.0"
