using GuardSharp.Lab.Training.Text;
using GuardSharp.Tensors;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>Forward passes over conversations with and without pictures, and the loss of their verdicts.</summary>
/// <remarks>Shapes: B conversations, N tokens of all laid end to end, A answer positions, C candidate tokens.</remarks>
/// <param name="network">The network.</param>
/// <param name="reading">Encodes the pictures; null where there are none.</param>
/// <param name="encoder">Knows the answer's tokens.</param>
/// <param name="patch">The id that vision tokens take the place of.</param>
internal sealed class PictureNetwork(TextNetwork network, ReadingModel? reading, ExampleEncoder encoder, int patch)
{
    private const float CategoryWeight = 0.3f;

    /// <summary>Normed hidden states of all tokens [N, hidden] and the encoded pictures, null without any.</summary>
    public (Tensor Normed, Tensor? Encoded) Forward(IReadOnlyList<PictureExample> batch)
    {
        var ids = batch.SelectMany(b => b.Example.Ids).ToArray();
        var pictures = batch.Select(b => b.Picture).OfType<ReadingSample>().ToList();
        var hidden = network.Network.Embed(ids);
        Tensor? encoded = null;
        if (pictures.Count > 0)
        {
            var rows = Enumerable.Range(0, ids.Length).Where(i => ids[i] == patch).ToArray();
            encoded = reading!.Encode(pictures);
            hidden = network.Ops.ScatterRows(hidden, rows, encoded.Value);
        }

        var sequences = new List<SequenceSpan>();
        foreach (var example in batch)
            sequences.Add(SequenceSpan.Self(sequences.Count == 0 ? 0 : sequences[^1].QueryRow + sequences[^1].QueryCount, example.Example.Ids.Length));
        var context = network.Network.Begin(sequences);
        for (var layer = 0; layer < network.Network.Shape.Layers; layer++)
            hidden = network.Network.Layer(layer, hidden, context);
        return (network.Network.Final(hidden, [.. Enumerable.Range(0, ids.Length)]), encoded);
    }

    /// <summary>Cross-entropy of the verdict against the target, and of the categories behind it.</summary>
    public torch.Tensor Loss(Tensor normed, IReadOnlyList<PictureExample> batch)
    {
        var candidates = encoder.AnswerTokens;
        var place = candidates.Index().ToDictionary(entry => entry.Item, entry => (long)entry.Index);
        var (rows, wanted, verdicts, first) = (new List<int>(), new List<long>(), new List<long>(), 0);
        foreach (var (_, example, _) in batch)
        {
            verdicts.Add(rows.Count);
            for (var i = 0; i < example.Targets.Length; i++)
            {
                rows.Add(first + example.PromptLength - 1 + i);
                wanted.Add(place[example.Targets[i]]);
            }

            first += example.Ids.Length;
        }

        var logits = TorchOps.AsTorch(network.Network.Logits(network.Ops.GatherRows(normed, [.. rows]), candidates));    // [A, C]
        var logs = torch.nn.functional.log_softmax(logits, 1);
        var atVerdict = logs.index_select(0, torch.tensor(verdicts.ToArray()));                                          // [B, C]
        var target = torch.tensor(batch.Select(b => b.Target).ToArray());
        var verdict = -((atVerdict.select(1, place[encoder.Unsafe]) * target) + (atVerdict.select(1, place[encoder.Safe]) * (1 - target))).mean();
        var rest = Enumerable.Range(0, rows.Count).Select(row => (long)row).Except(verdicts).ToArray();
        return rest.Length == 0
            ? verdict
            : verdict + (CategoryWeight * torch.nn.functional.nll_loss(logs.index_select(0, torch.tensor(rest)), torch.tensor(rest.Select(row => wanted[(int)row]).ToArray())));
    }

    /// <summary>P(unsafe) of every conversation, without gradients.</summary>
    public float[] Judge(IReadOnlyList<PictureExample> examples, int batchSize)
    {
        var result = new List<float>();
        network.Ops.Gradients = false;
        foreach (var batch in examples.Chunk(Math.Max(1, batchSize)))
        {
            using var scope = network.Ops.Scope();
            var (normed, _) = Forward(batch);
            var last = 0;
            int[] rows = [.. batch.Select(b => (last += b.Example.Ids.Length) - 1 - (b.Example.Ids.Length - b.Example.PromptLength))];
            var values = new float[rows.Length * 2];
            network.Ops.Read(network.Network.Logits(network.Ops.GatherRows(normed, rows), [encoder.Safe, encoder.Unsafe]), values);
            for (var i = 0; i < rows.Length; i++)
                result.Add(1 / (1 + MathF.Exp(values[2 * i] - values[(2 * i) + 1])));
        }

        network.Ops.Gradients = true;
        return [.. result];
    }
}
