"""Figures for Prometheus, from every process of a machine.

Counters and histograms live in small memory-mapped files, one set per process, in a folder that the processes of one
machine share; whoever is asked adds them up. What the database knows (queues, ages, states) is not counted along but
asked for at that moment, so that it is right however many processes there are and whatever died.

The folder must be known before prometheus_client is imported, which is why metrics are declared with the classes of
`config.lib.metrics.values`.
"""

from config.lib.metrics.folder import prepare

prepare()
