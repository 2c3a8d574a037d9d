"""One file per resource. A route parses, opens one transaction, calls a rule, answers."""
