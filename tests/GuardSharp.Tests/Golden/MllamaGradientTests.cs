using GuardSharp.Torch;

namespace GuardSharp.Tests.Golden;

public sealed class MllamaGradientTests
{
    // Relative to the largest entry of each gradient: tests/golden/README.md, "Tolerances".
    private const float Tolerance = 1e-3f;

    [Fact]
    public void Gradients_for_pixels_tokens_and_embeddings_are_those_of_the_reference()
    {
        var compared = GradientVerification.Run(TestFiles.Golden("mllama-tiny"), TestFiles.Golden("mllama-tiny", "gradients", "image_1x2_padded.safetensors"));
        Assert.Equal(["grad_embeds", "grad_one_hot", "grad_pixel_values", "logits_last", "loss"], compared.Select(c => c.Name).Order());
        Assert.All(compared, c => Assert.True(c.Within(Tolerance), $"{c.Name}: {c.Difference?.ToString() ?? "not computed"}"));
    }
}
