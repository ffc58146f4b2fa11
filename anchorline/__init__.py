"""A private container registry that a whole fleet trusts, from one YAML file.

The rooms, in the order of the data's way, each importing only from those before it:
``spec`` (what is declared), ``fleet`` (all hosts at once), ``authority`` (the CA and what it issues),
``trust`` (every host's stores), ``registry`` (the container) and ``verify`` (the verification).
"""

__version__ = "0.1.0"
