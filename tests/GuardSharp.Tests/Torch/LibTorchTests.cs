using TorchSharp;

namespace GuardSharp.Tests.Torch;

public sealed class LibTorchTests
{
    [Fact]
    public void Libtorch_loads_on_this_system_and_adds_two_tensors()
    {
        using var scope = torch.NewDisposeScope();
        var sum = torch.ones(2, 3) + torch.ones(2, 3);

        Assert.Equal(12f, sum.sum().item<float>());
    }
}
