using GuardSharp.Engine;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Lab.FineTuning.Network;

/// <summary>Runs packs forth and back; gradients add up in the parameters.</summary>
/// <remarks>
/// With recomputation the way forth records nothing and keeps the input of each layer alone. On the way back each layer runs again, recorded, and is
/// left by its gradients before the next one begins: one layer's activations live at a time. Pictures are encoded again one by one.
/// </remarks>
/// <param name="network">The network.</param>
/// <param name="model">Where pictures stand.</param>
/// <param name="recompute">Whether activations are computed again.</param>
/// <param name="loss">The loss of logits [answers, vocabulary] of a pack, divided by a number; null: <see cref="AnswerLoss"/>.</param>
internal sealed class PackPass(SftNetwork network, BaseModel model, bool recompute, Func<torch.Tensor, SftPack, double, torch.Tensor>? loss = null)
{
    private readonly TorchOps _ops = network.Ops;
    private int _seed;

    /// <summary>The loss of a pack's logits, summed over its answer tokens and divided.</summary>
    public Func<torch.Tensor, SftPack, double, torch.Tensor> Loss { get; } = loss ?? AnswerLoss.Of;

    /// <summary>Adds the gradients of a pack's loss to those of the parameters.</summary>
    /// <param name="pack">The examples.</param>
    /// <param name="divisor">Answer tokens of the whole step.</param>
    /// <param name="seed">Decides what an adapter's dropout leaves out.</param>
    /// <returns>The pack's part of the loss.</returns>
    public double Backward(SftPack pack, double divisor, int seed = 0)
    {
        _seed = seed;
        using var scope = _ops.Scope();
        _ops.Gradients = true;
        return recompute ? BackwardAgain(pack, divisor) : BackwardKept(pack, divisor);
    }

    /// <summary>Logits of a pack's answer positions, without gradients: [answers, vocabulary]. They live in the caller's scope.</summary>
    public torch.Tensor Judge(SftPack pack)
    {
        _ops.Gradients = false;
        try
        {
            var spans = Spans(pack);
            var input = Join(pack, spans, Pictures(pack));
            return AnswerLoss.Logits(network, pack, ForwardPass.Run(_ops, network.Network, input.Hidden, spans, input.Reading));
        }
        finally
        {
            _ops.Gradients = true;
        }
    }

    private double BackwardKept(SftPack pack, double divisor)
    {
        var spans = Spans(pack);
        var pictures = network.LearnsPictures ? Pictures(pack) : UnrecordedPictures(pack);
        var input = Join(pack, spans, pictures);
        var context = network.Network.Begin(spans) with { Pictures = input.Reading };
        var hidden = input.Hidden;
        for (var layer = 0; layer < network.Network.Shape.Layers; layer++)
        {
            hidden = Layer(layer, hidden, context);
        }

        var loss = Loss(AnswerLoss.Logits(network, pack, hidden), pack, divisor);
        loss.backward();
        return loss.item<float>();
    }

    private double BackwardAgain(SftPack pack, double divisor)
    {
        var spans = Spans(pack);
        var pictures = UnrecordedPictures(pack).Select(picture => Leaf(picture, network.LearnsPictures)).ToList();
        var input = Join(pack, spans, pictures);
        var encoded = input.Reading?.Encoded is { } rows ? Leaf(rows, TorchOps.AsTorch(rows).requires_grad) : default(Tensor?);
        var context = network.Network.Begin(spans) with { Pictures = input.Reading is { } reading ? reading with { Encoded = encoded } : null };
        var inputs = Forth(input.Hidden, context);
        var (loss, gradient) = Top(pack, inputs[^1], divisor);
        gradient = Back(inputs, context, gradient);
        Continue(input.Hidden, gradient);
        if (encoded is { } leaf && TorchOps.AsTorch(leaf).grad is { } ofPictures)
        {
            Continue(input.Reading!.Encoded!.Value, ofPictures);
        }

        Pictures(pack, pictures);
        return loss;
    }

    /// <summary>The input of every layer and the output of the last, nothing recorded.</summary>
    private Tensor[] Forth(Tensor hidden, LayerContext context)
    {
        using var unrecorded = new Unrecorded(_ops, network.Dropout is not null);
        var inputs = new Tensor[network.Network.Shape.Layers + 1];
        inputs[0] = hidden;
        for (var layer = 0; layer < inputs.Length - 1; layer++)
        {
            using var scope = _ops.Scope();
            var next = Layer(layer, inputs[layer], context);
            // A layer that has nothing to read gives back what it got (model note M5).
            inputs[layer + 1] = IsSame(next, inputs[layer]) ? next : _ops.Keep(next);
        }

        return inputs;
    }

    private (double Loss, torch.Tensor Gradient) Top(SftPack pack, Tensor output, double divisor)
    {
        using var scope = _ops.Scope();
        var top = Leaf(output, true);
        var loss = Loss(AnswerLoss.Logits(network, pack, top), pack, divisor);
        loss.backward();
        return (loss.item<float>(), TorchOps.AsTorch(top).grad!.MoveToOuterDisposeScope());
    }

    /// <summary>Layer by layer from the last to the first; the gradient of the first one's input comes back.</summary>
    private torch.Tensor Back(Tensor[] inputs, LayerContext context, torch.Tensor gradient)
    {
        for (var layer = inputs.Length - 2; layer >= 0; layer--)
        {
            if (IsSame(inputs[layer + 1], inputs[layer]))
            {
                continue;
            }

            using var scope = _ops.Scope();
            var input = Leaf(inputs[layer], true);
            var output = Layer(layer, input, context);
            TorchOps.AsTorch(output).backward([gradient], false, false, null);
            gradient.Dispose();
            TorchOps.AsTorch(inputs[layer + 1]).Dispose();
            gradient = TorchOps.AsTorch(input).grad!.MoveToOuterDisposeScope();
        }

        return gradient;
    }

    /// <summary>Encodes the pictures again, recorded, where their gradients are wanted.</summary>
    private void Pictures(SftPack pack, List<Tensor> leaves)
    {
        foreach (var (index, (image, leaf)) in pack.Examples.SelectMany(example => example.Images).Zip(leaves).Index())
        {
            if (TorchOps.AsTorch(leaf).grad is { } gradient)
            {
                using var scope = _ops.Scope();
                Continue(Encode(index, image), gradient);
            }
        }
    }

    // By reference: torch compares tensors number by number.
    private static bool IsSame(Tensor a, Tensor b) => ReferenceEquals(a.Native, b.Native);

    private Tensor Layer(int layer, Tensor hidden, LayerContext context)
    {
        // The same zeros whenever it runs.
        network.Dropout?.manual_seed(Seeds.Mix(_seed, "layer", layer));
        return network.Network.Layer(layer, hidden, context);
    }

    private Tensor Encode(int index, EncodedImage image)
    {
        network.Dropout?.manual_seed(Seeds.Mix(_seed, "picture", index));
        return PackInput.Encode(_ops, network.Network, image, model.Tokens.TileSize);
    }

    private static void Continue(Tensor output, torch.Tensor gradient)
    {
        if (TorchOps.AsTorch(output).requires_grad)
        {
            TorchOps.AsTorch(output).backward([gradient], false, false, null);
        }
    }

    private Tensor Leaf(Tensor tensor, bool wanted) => _ops.FromTorch(TorchOps.AsTorch(tensor).detach().requires_grad_(wanted));

    private List<Tensor> UnrecordedPictures(SftPack pack)
    {
        using var unrecorded = new Unrecorded(_ops, network.LearnsPictures && network.Dropout is not null);
        return Pictures(pack);
    }

    private List<Tensor> Pictures(SftPack pack)
    {
        var pictures = new List<Tensor>();
        foreach (var (index, image) in pack.Examples.SelectMany(example => example.Images).Index())
        {
            using var scope = _ops.Scope();
            pictures.Add(_ops.Keep(Encode(index, image)));
        }

        return pictures;
    }

    private PackInput Join(SftPack pack, SequenceSpan[] spans, IReadOnlyList<Tensor> pictures) =>
        PackInput.Join(_ops, network.Network, pack, spans, pictures, model.Tokens.PatchToken);

    /// <summary>The rows of each example.</summary>
    public static SequenceSpan[] Spans(SftPack pack)
    {
        var spans = new SequenceSpan[pack.Examples.Count];
        var row = 0;
        for (var i = 0; i < spans.Length; i++)
        {
            spans[i] = SequenceSpan.Self(row, pack.Examples[i].Ids.Length);
            row += pack.Examples[i].Ids.Length;
        }

        return spans;
    }

    /// <summary>Nothing is recorded until it is disposed. With dropout the operations have to behave as if it were: what runs again must see the same zeros.</summary>
    private readonly ref struct Unrecorded
    {
        private readonly TorchOps _ops;
        private readonly IDisposable _mode;

        public Unrecorded(TorchOps ops, bool dropsOut)
        {
            (_ops, _mode) = (ops, torch.no_grad());
            ops.Gradients = dropsOut;
        }

        public void Dispose()
        {
            _mode.Dispose();
            _ops.Gradients = true;
        }
    }
}
