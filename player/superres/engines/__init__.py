"""What runs the network: keras (GPU or any Keras backend), OpenVINO (fast CPU), OpenCV dnn (pretrained graphs)."""
