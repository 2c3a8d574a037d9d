"""The concept INN: a bijection of codes whose blocks carry one concept each (Esser, Rombach, Ommer 2020)."""
