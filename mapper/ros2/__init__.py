"""A live run in the ROS 2 graph: what is told of it there while it goes."""
