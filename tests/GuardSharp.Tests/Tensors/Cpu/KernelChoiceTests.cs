using System.Runtime.Intrinsics;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Tensors.Cpu;

/// <summary>Which inner loops a backend uses.</summary>
public sealed class KernelChoiceTests
{
    private static readonly Kernels _four = new Kernels<Simd128, Vector128<float>>();
    private static readonly Kernels _eight = new Kernels<Simd256, Vector256<float>>();

    [Fact]
    public void All_widths_pass_their_check_here()
    {
        var check = new KernelCheck();
        Assert.True(check.Passes(_four));
        Assert.True(check.Passes(_eight));
        Assert.True(check.Passes(new Kernels<Simd512, Vector512<float>>()));
        Assert.Empty(KernelChoice.ForThisMachine().Failures);
    }

    [Fact]
    public void A_kernel_that_computes_wrong_is_replaced_and_named()
    {
        var choice = KernelChoice.FirstOf([_eight, _four], kernels => kernels.Lanes < 8 && new KernelCheck().Passes(kernels));
        Assert.Same(_four, choice.Kernels);
        Assert.Equal(["float32 with vectors of 8"], choice.Failures);
        using var ops = new CpuOps(1, choice);
        Assert.Equal(choice.Failures, ops.FailedKernels);
    }

    [Fact]
    public void A_machine_on_which_nothing_computes_right_is_an_error()
    {
        var error = Assert.Throws<GuardException>(() => KernelChoice.FirstOf([_eight, _four], _ => false));
        Assert.Contains("processor or memory is damaged", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_check_sees_every_part()
    {
        foreach (var part in Enum.GetValues<BrokenKernels.Part>())
        {
            Assert.False(new KernelCheck().Passes(new BrokenKernels(_four, part)), $"{part}");
        }
    }
}
