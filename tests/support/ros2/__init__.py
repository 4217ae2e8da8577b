"""A stand-in for ROS 2's client library, whose messages are made of the real definitions."""
