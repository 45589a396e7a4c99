"""How a command ends.

0   all is well
1   it ran, and not all is well: an execution not complete, a rule with an error, a test that failed, output that is lost
2   it could not run: settings, rules or arguments unusable, no access, no cluster
"""

OK, INCOMPLETE, UNUSABLE = 0, 1, 2
