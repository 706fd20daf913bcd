"""What brokered sign-in needs of a machine: it is looked at once, one condition is checked at a time, and all is told.

Imports go one way: report -> checks -> prerequisites -> facts -> probe, and what reads the answers of other programs.
"""
