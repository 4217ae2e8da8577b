"""Does a map contradict itself, and when?"""
