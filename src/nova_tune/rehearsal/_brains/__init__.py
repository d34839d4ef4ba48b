"""What the rehearsal thinks with: pure functions that read training data, compute losses and answer prompts.

Nothing here opens a socket or a file, and nothing here imports the rest of nova_tune: the service's reading of the
data rules must not share code with the library's checks, or a fault in both would be invisible.
"""
