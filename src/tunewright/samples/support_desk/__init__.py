"""The support desk sample: messages to an invented seller of bird feeders, with planted faults."""
