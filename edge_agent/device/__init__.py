"""What firmware and agent share on the device: settings, identity, documents, the control socket's words."""
