using GuardSharp.Engine;
using GuardSharp.Lab.Attacks.Pixels;
using GuardSharp.Lab.FineTuning.Network;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Torch;

namespace GuardSharp.Lab.FineTuning.Adversarial;

/// <summary>Changes the pictures of packs before they are learned: PGD that raises the loss of the right answer, l-infinity, on the network's tiles.</summary>
/// <remarks>
/// The tiles are moved and not the file's pixels: training wants many cheap attacks, and what fools the network through a file is among them. Padding within
/// a tile moves as well. Weights take no gradients meanwhile. The activations of a whole pack are kept, whatever "recompute" says.
/// </remarks>
/// <param name="network">The network as it stands.</param>
/// <param name="model">Its preprocessor.</param>
/// <param name="config">How far, how long, how often.</param>
internal sealed class AdversarialTiles(SftNetwork network, BaseModel model, AdversarialConfig config)
{
    private readonly TileValues _values = TileValues.Of(model.Images!);
    private readonly TorchOps _ops = network.Ops;

    /// <summary>A pack whose pictures are changed, in some of its rows.</summary>
    /// <param name="pack">The pack; it stays as it is.</param>
    /// <param name="seed">Decides which rows, and where each picture starts.</param>
    public SftPack Attack(SftPack pack, int seed)
    {
        var random = new Random(seed);
        bool[] chosen = [.. pack.Examples.Select(example => example.Images.Count > 0 && random.NextDouble() < config.Share)];
        if (!chosen.Contains(true))
        {
            return pack;
        }

        EncodedImage[] clean = [.. pack.Examples.SelectMany(example => example.Images)];
        bool[] moves = [.. pack.Examples.Zip(chosen).SelectMany(entry => entry.First.Images.Select(_ => entry.Second))];
        float[][] pixels = [.. clean.Zip(moves, (image, isMoved) => isMoved ? Noise(image, random) : image.Pixels)];
        network.Dropout?.manual_seed(seed);
        using (new Frozen(network))
        {
            for (var step = 0; step < config.Steps; step++)
            {
                var gradients = Gradients(pack, clean, pixels, moves);
                for (var i = 0; i < pixels.Length; i++)
                {
                    if (gradients[i] is { } gradient)
                    {
                        Step(pixels[i], clean[i].Pixels, gradient);
                    }
                }
            }
        }

        return With(pack, clean, pixels);
    }

    private float[]?[] Gradients(SftPack pack, EncodedImage[] clean, float[][] pixels, bool[] moves)
    {
        using var scope = _ops.Scope();
        _ops.Gradients = true;
        var side = model.Tokens.TileSize;
        var leaves = pixels.Select(values => _ops.Upload(values, values.Length / side, side)).ToList();
        foreach (var (leaf, isMoved) in leaves.Zip(moves))
        {
            TorchOps.AsTorch(leaf).requires_grad_(isMoved);
        }

        var spans = PackPass.Spans(pack);
        var encoded = leaves.Zip(clean, (leaf, image) => PackInput.Encode(network.Network, leaf, image.GridRows, image.GridColumns)).ToList();
        var input = PackInput.Join(_ops, network.Network, pack, spans, encoded, model.Tokens.PatchToken);
        var hidden = ForwardPass.Run(_ops, network.Network, input.Hidden, spans, input.Reading);
        AnswerLoss.Of(AnswerLoss.Logits(network, pack, hidden), pack, 1).backward();
        return [.. leaves.Zip(moves, (leaf, isMoved) => isMoved ? Read(leaf) : null)];
    }

    private float[] Read(Tensor leaf)
    {
        var values = new float[leaf.Length];
        _ops.Read(_ops.FromTorch(TorchOps.AsTorch(leaf).grad!), values);
        return values;
    }

    private float[] Noise(EncodedImage image, Random random)
    {
        var pixels = new float[image.Pixels.Length];
        for (var i = 0; i < pixels.Length; i++)
        {
            pixels[i] = Project(image.Pixels[i] + ((float)config.Epsilon * Level(i) * ((2 * random.NextSingle()) - 1)), image.Pixels[i], i);
        }

        return pixels;
    }

    private void Step(float[] pixels, float[] clean, float[] gradient)
    {
        for (var i = 0; i < pixels.Length; i++)
        {
            // A gradient that is no number would make one of the picture: the loss behind it tells.
            var sign = float.IsNaN(gradient[i]) ? 0 : Math.Sign(gradient[i]);
            pixels[i] = Project(pixels[i] + ((float)config.StepSize * Level(i) * sign), clean[i], i);
        }
    }

    private float Project(float value, float clean, int place)
    {
        var (reach, black) = ((float)config.Epsilon * Level(place), _values.Black[Channel(place)]);
        var white = black + (255 * Level(place));
        return Math.Clamp(value, Math.Max(black, clean - reach), Math.Max(black, Math.Min(white, clean + reach)));
    }

    // Pixels are [tiles, 3, P, P].
    private int Channel(int place) => place / (model.Tokens.TileSize * model.Tokens.TileSize) % PixelPlanes.Channels;

    private float Level(int place) => _values.Level[Channel(place)];

    private static SftPack With(SftPack pack, EncodedImage[] clean, float[][] pixels)
    {
        var next = 0;
        return new SftPack([.. pack.Examples.Select(example => example with
        {
            Images = [.. example.Images.Select(_ => clean[next] with { Pixels = pixels[next++] })],
        })]);
    }

    /// <summary>Nothing of the network takes gradients until it is disposed.</summary>
    private readonly ref struct Frozen
    {
        private readonly SftNetwork _network;

        public Frozen(SftNetwork network)
        {
            _network = network;
            Set(false);
        }

        public void Dispose() => Set(true);

        private void Set(bool learns)
        {
            foreach (var (_, parameter) in _network.Trainable)
            {
                parameter.requires_grad = learns;
            }
        }
    }
}
