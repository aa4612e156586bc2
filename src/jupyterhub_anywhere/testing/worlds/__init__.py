"""Recording back ends: each writes down what it is asked, and answers as the real one does."""
