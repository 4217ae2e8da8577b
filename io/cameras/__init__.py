"""Cameras: calibration files, rigs of two, registration of depth to colour."""
