"""Global alignment: all keyframes at once, on dense correspondences, by Levenberg-Marquardt."""
