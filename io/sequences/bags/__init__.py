"""ROS 1 and ROS 2 bags: which topics to take, and what their messages hold."""
