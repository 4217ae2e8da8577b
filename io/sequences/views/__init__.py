"""What is made of a sequence before it is mapped: frames with masks, views of panoramas."""
