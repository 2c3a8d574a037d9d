"""The dispatcher: a Ray driver that claims jobs, runs their stages and writes down what came out."""
