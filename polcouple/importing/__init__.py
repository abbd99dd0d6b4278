"""Cases from what other programs describe systems with."""
