"""A convolutional network that learns to read digits, in twenty lines."""

from minicnn import Tensor, data, manual_seed, nn, no_grad, ops, optim

manual_seed(0)
train, test = data.digits("train"), data.digits("test")
net = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(),
    nn.Linear(32 * 4 * 4, 10),
)  # fmt: skip
optimizer = optim.Adam(net.parameters(), lr=3e-3)
batches = data.DataLoader(train, batch_size=64, shuffle=True)
for epoch in range(10):
    for images, labels in batches:
        loss = ops.cross_entropy(net(Tensor(images)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with no_grad():
        right = net(Tensor(test.images)).argmax(dim=1).numpy() == test.labels
    print(f"epoch {epoch + 1}: loss {loss.item():.4f}, test accuracy {right.mean():.1%}")
