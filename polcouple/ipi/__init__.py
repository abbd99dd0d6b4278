"""i-PI's files, read and written as i-PI defines them; nothing of charges or forces is known here."""
