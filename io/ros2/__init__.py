"""ROS 2: images and transforms come in by topics, poses and maps go out."""
