using GuardSharp.Checkpoints.Quantization;

namespace GuardSharp.Checkpoints;

/// <summary>Whether the tensors of a checkpoint are those that its config.json describes.</summary>
internal static class CheckpointFit
{
    /// <summary>Whether a tensor is one that some exporters save beside the weights: a table of angles, which is computed from the configuration here.</summary>
    public static bool IsTableOfAngles(string name) =>
        name.EndsWith("inv_freq", StringComparison.Ordinal) || name.EndsWith("rope_freqs.weight", StringComparison.Ordinal) || name.EndsWith("freqs_ci", StringComparison.Ordinal);

    /// <summary>Missing and unexpected tensors, wrong shapes and types. Nothing but headers is read.</summary>
    public static IEnumerable<string> Problems(Checkpoint checkpoint, IModelConfig config)
    {
        var expected = new HashSet<string>();
        var stored = config.NamesIn(checkpoint);
        foreach (var (published, shape) in config.Tensors())
        {
            var name = stored(published);
            expected.Add(name);
            if (!checkpoint.TryGet(name, out var tensor))
            {
                yield return $"tensor \"{name}\" {Printable.Shape(shape)} is missing";
            }
            else if (shape.Length == 2 && StoredBlocks.Are(tensor))
            {
                expected.Add(StoredBlocks.ScaleName(name));
                if (ProblemOfBlocks(checkpoint, tensor, shape) is { } problem)
                {
                    yield return problem;
                }
            }
            else if (!tensor.Shape.AsSpan().SequenceEqual(shape))
            {
                yield return $"{tensor.Description}, but {ModelConfig.FileName} asks for {Printable.Shape(shape)}";
            }
            else if (tensor.Type is not (TensorType.F32 or TensorType.F16 or TensorType.BF16 or TensorType.Q80 or TensorType.Q40 or TensorType.Q4K or TensorType.Q5K or TensorType.Q6K))
            {
                yield return $"{tensor.Description}, but weights are F32, F16 or BF16, quantised matrices, or blocks of a GGUF file";
            }
        }

        foreach (var tensor in checkpoint.Tensors.Where(tensor => !expected.Contains(tensor.Name)))
        {
            yield return $"{tensor.Description} and unexpected";
        }
    }

    private static string? ProblemOfBlocks(Checkpoint checkpoint, TensorEntry numbers, long[] shape)
    {
        try
        {
            StoredBlocks.Of(checkpoint, numbers, shape[0], shape[1]);
            return null;
        }
        catch (CheckpointException error)
        {
            return error.Message;
        }
    }
}
