using GuardSharp.Checkpoints;
using GuardSharp.Imaging;
using GuardSharp.Lab.Training.Text;
using GuardSharp.Lab.Training.Vision;
using TorchSharp;

namespace GuardSharp.Tests.Training.Vision;

public sealed class ReadingTests
{
    [Fact]
    public void A_muon_step_on_a_matrix_is_nearly_orthogonal()
    {
        using var scope = torch.NewDisposeScope();
        var weight = new TorchSharp.Modules.Parameter(torch.zeros(12, 30));
        weight.grad = torch.randn([12, 30], generator: new torch.Generator(1)) * 5;
        using var muon = new Muon([weight], bFloat16: false, weightDecay: 0);
        muon.Step(1);
        var values = torch.linalg.svdvals(weight.detach() / (0.2 * Math.Sqrt(30)));
        // Five Newton-Schulz steps with the source's coefficients bring singular values between 0.7 and 1.2, small ones not quite.
        Assert.InRange(values.min().item<float>(), 0.4f, 1.3f);
        Assert.InRange(values.max().item<float>(), 0.7f, 1.3f);
    }

    [Fact]
    public void A_cells_tokens_share_its_weight_and_empty_cells_ask_for_nothing()
    {
        var tiles = new TiledImage(new float[3 * 56 * 56], 56, 1, 1, false);
        var sample = new ReadingSample(tiles, [], [new PlacedToken(0, 7), new PlacedToken(0, 9), new PlacedToken(3, 7)], [true]);
        var targets = new TokenTargets([sample], 4, 100, new Random(1));
        Assert.Equal([0, 0, 1, 2, 3], targets.Cells);
        Assert.Equal([7L, 9L, 0L, 0L, 7L], targets.Columns.Select(c => c == 0 ? 0 : targets.Candidates[c - 1]));
        Assert.Equal([0.5f, 0.5f, 0.1f, 0.1f, 1f], targets.Weights(0.1f));
        Assert.Equal(targets.Candidates.Length, targets.Candidates.Distinct().Count());
    }

    [Fact]
    public void The_encoder_learns_to_read_and_the_decoder_stays_as_it_was()
    {
        var config = Llama4Config.Read(TestFiles.Golden("llama4-guard-tiny"));
        using var network = new TextNetwork(config, 1);
        using var fonts = TypesetFonts.Load();
        var processor = new Llama4ImageProcessor(new Llama4ImageSettings { TileSize = config.Vision!.ImageSize, MaxTiles = 1 });
        var source = new PictureSource(fonts.Training, processor, config.Vision.PatchSize, new ByteTokenizer());
        network.Embedding.requires_grad_(false);
        using var reading = new ReadingModel(network.Ops, network.Network, config.Vision, network.Embedding, config.ImageTokens!.Patch, new ByteTokenizer());
        using var trainer = new ReadingTrainer(new ReadingConfig { Tiles = 400, BatchTiles = 8, LearningRate = 5e-3 }, network, reading);
        var decoder = network.Weights.Parameters["language_model.model.layers.0.self_attn.q_proj.weight"].detach().clone();
        var text = new ReadingText(["aaaa eeee oooo", "the tea and the toast", "a note on oats"]);

        var before = Score(network, reading, source, text);
        trainer.Run(random => source.ForReading(text, 1, random), 0, (_, _) => { }, CancellationToken.None);
        var after = Score(network, reading, source, text);

        Assert.True(after.SpellingLoss < before.SpellingLoss * 0.9f, $"{before} became {after}");
        // Fifty steps of a very small network: letters begin to be told, no more.
        Assert.True(after.LetterLoss < before.LetterLoss * 0.8f, $"{before} became {after}");
        Assert.True((decoder == network.Weights.Parameters["language_model.model.layers.0.self_attn.q_proj.weight"]).all().item<bool>());
    }

    private static ReadingScore Score(TextNetwork network, ReadingModel reading, PictureSource source, ReadingText text)
    {
        var random = new Random(99);
        var batch = Enumerable.Range(0, 16).Select(_ => source.ForReading(text, 1, random)).ToList();
        using var scope = network.Ops.Scope();
        return reading.Loss(reading.Encode(batch), batch, random).Score;
    }
}
