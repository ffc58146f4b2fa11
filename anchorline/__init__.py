"""A private container registry that a whole fleet trusts, from one YAML file.

The packages in the order in which data goes, each importing only from those before it:
``spec`` (what is declared), ``fleet`` (all hosts at once), ``authority`` (the CA and what it issues),
``trust`` (every host's stores), ``rotation`` (the next CA), ``registry`` (the container), ``verify`` (every client
pulls) and ``report`` (what was seen and done).
"""

__version__ = "0.1.0"
