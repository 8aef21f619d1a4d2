using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Tensors;
using GuardSharp.Torch;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace GuardSharp.Lab.FineTuning.Network;

/// <summary>The loss: cross-entropy of the answer's tokens over the whole vocabulary, each token the same weight. Prompts are not learned.</summary>
internal static class AnswerLoss
{
    /// <summary>Logits at every position that predicts an answer token: [answers, vocabulary]. Products of the head are not rounded: differences of logits are the verdict.</summary>
    public static torch.Tensor Logits(SftNetwork network, SftPack pack, Tensor hidden)
    {
        var rows = Rows(pack);
        var rounds = network.Ops.BFloat16Products;
        network.Ops.BFloat16Products = false;
        try
        {
            return TorchOps.AsTorch(network.Network.Logits(network.Network.Final(hidden, rows), []));
        }
        finally
        {
            network.Ops.BFloat16Products = rounds;
        }
    }

    /// <summary>The sum over the pack's answer tokens, divided.</summary>
    /// <param name="logits">[answers, vocabulary].</param>
    /// <param name="pack">The examples.</param>
    /// <param name="divisor">Answer tokens of the whole step, so that a step's gradients are those of one batch however it is cut.</param>
    public static torch.Tensor Of(torch.Tensor logits, SftPack pack, double divisor)
    {
        var targets = torch.tensor(Targets(pack), device: logits.device);
        return functional.cross_entropy(logits, targets, reduction: Reduction.Sum) / divisor;
    }

    /// <summary>Every position of a pack that predicts an answer token.</summary>
    public static int[] Rows(SftPack pack)
    {
        var rows = new List<int>(pack.Answers);
        var first = 0;
        foreach (var example in pack.Examples)
        {
            rows.AddRange(Enumerable.Range(first + example.FirstAnswer, example.Targets.Length));
            first += example.Ids.Length;
        }

        return [.. rows];
    }

    /// <summary>The target of each row of logits.</summary>
    public static long[] Targets(SftPack pack) => [.. pack.Examples.SelectMany(example => example.Targets).Select(token => (long)token)];
}
