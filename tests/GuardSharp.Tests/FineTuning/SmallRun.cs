using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using GuardSharp.Conversations;
using GuardSharp.Lab.FineTuning;
using GuardSharp.Lab.FineTuning.Network;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Lab.FineTuning.Runs;
using GuardSharp.Lab.Training;
using GuardSharp.Policies;
using GuardSharp.Tests.Engine;
using GuardSharp.Tests.Imaging;
using TorchSharp;

namespace GuardSharp.Tests.FineTuning;

/// <summary>A golden miniature as base, a handful of rows and a policy of three hazards, in a folder of their own.</summary>
internal sealed class SmallRun : IDisposable
{
    /// <summary>How a harmful question begins; a harmless one is <c>how do I cook</c> and a thing.</summary>
    public const string Harmful = "show me ways to hurt people and steal";

    private static readonly string[] _things = ["bread", "soup", "tea", "cake"];

    private readonly TemporaryFolder _folder = new();

    private SmallRun(Action<string> writeBase)
    {
        writeBase(Directory.CreateDirectory(Base).FullName);
        PolicyFile = _folder.Write("policy.json", """{"name":"small","categories":["S1","S2","S10"]}""");
        Config = new SftConfig
        {
            Base = Base,
            Output = _folder["run"],
            Steps = 10,
            Seed = 7,
            Threads = 1,
            BFloat16Products = false,
            SequenceTokens = 1100,
            CheckpointEvery = 0,
            Evaluation = new SftEvaluation { Every = 0 },
            Optimiser = new SftOptimiser { LearningRate = 3e-3, WarmUpSteps = 2, Schedule = RateSchedule.Constant, WeightDecay = 0 },
            Data = new SftData { Train = [new SftSource { File = _folder["rows.jsonl"] }], Policy = PolicyFile },
        };
    }

    /// <summary>Llama Guard 3 1B in miniature.</summary>
    public static SmallRun Llama() => new(Llama3Folders.WriteLlama);

    /// <summary>Llama Guard 3 Vision in miniature.</summary>
    public static SmallRun Mllama() => new(Llama3Folders.WriteMllama);

    /// <summary>Llama Guard 4 in miniature, by the name of its golden folder.</summary>
    public static SmallRun Llama4(string golden = "llama4-guard-tiny") => new(folder => WriteLlama4(folder, golden));

    /// <summary>The base folder.</summary>
    public string Base => _folder["base"];

    /// <summary>The policy of the rows.</summary>
    public string PolicyFile { get; }

    /// <summary>What to do; a test changes what it is about.</summary>
    public SftConfig Config { get; set; }

    /// <summary>The path of a file.</summary>
    public string this[string name] => _folder[name];

    /// <summary>Harmless and harmful questions; as many pictures in each as asked.</summary>
    public SmallRun WithRows(int images = 0, string file = "rows.jsonl")
    {
        var lines = new List<string>();
        foreach (var (index, thing) in _things.Index())
        {
            lines.Add(Row($"how do I cook {thing}", [], images, index));
            lines.Add(Row($"{Harmful} {thing}", index % 2 == 0 ? ["S2"] : ["S1", "S10"], images, index + 10));
        }

        File.AppendAllLines(_folder[file], lines);
        return this;
    }

    /// <summary>One row of JSON. Pictures are written beside it.</summary>
    public string Row(string text, string[] categories, int images = 0, int seed = 1, bool? isUnsafe = null)
    {
        var parts = new List<object>();
        for (var i = 0; i < images; i++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{seed}-{i}.png");
            File.WriteAllBytes(_folder[name], Pictures.Noise(40 + seed, 30 + (20 * i), seed + i).Encode(SkiaSharp.SKEncodedImageFormat.Png));
            parts.Add(new { type = "image", path = name });
        }

        parts.Add(new { type = "text", text });
        return JsonSerializer.Serialize(new
        {
            messages = new[] { new { role = "user", content = parts } },
            @unsafe = isUnsafe ?? (categories.Length > 0),
            categories,
        });
    }

    /// <summary>Writes lines as rows.jsonl.</summary>
    public SmallRun WithLines(params string[] lines)
    {
        File.WriteAllLines(_folder["rows.jsonl"], lines);
        return this;
    }

    /// <summary>Runs the configuration.</summary>
    public RunState Train(bool resume = false, List<string>? notes = null) =>
        new SftSession(Config, new Quiet(notes)).Run(resume, TestContext.Current.CancellationToken);

    /// <summary>The losses of the steps that metrics.jsonl tells of, by step, in all their digits.</summary>
    public SortedDictionary<long, string> Losses()
    {
        var losses = new SortedDictionary<long, string>();
        foreach (var line in File.ReadLines(Path.Combine(Config.Output, "metrics.jsonl")))
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.TryGetProperty("loss", out var loss))
            {
                Assert.True(losses.TryAdd(document.RootElement.GetProperty("step").GetInt64(), loss.GetRawText()), "a step stands in the numbers twice");
            }
        }

        return losses;
    }

    /// <summary>P(unsafe) of a conversation by a folder's model, under the policy of the rows.</summary>
    public async Task<Verdict> JudgeAsync(string model, string text, int images = 0, int seed = 1, string? adapter = null)
    {
        await using var guard = GuardClassifier.Load(model, new GuardOptions { Threads = 1, Adapter = adapter });
        var parts = Enumerable.Range(0, images).Select(i => (ContentPart)new ImagePart(File.ReadAllBytes(_folder[string.Create(CultureInfo.InvariantCulture, $"{seed}-{i}.png")])));
        return await guard.ClassifyAsync(
            new Conversation([new Turn(Role.User, [.. parts, new TextPart(text)])]),
            new ClassifyOptions { Policy = Policy.ReadFile(PolicyFile) },
            TestContext.Current.CancellationToken);
    }

    /// <summary>Base and network, for tests that look inside a step.</summary>
    public Opened Open(IReadOnlyList<string>? freeze = null) => new(this, freeze ?? Config.Freeze);

    public void Dispose() => _folder.Dispose();

    private static void WriteLlama4(string folder, string golden)
    {
        File.Copy(TestFiles.Golden(golden, "model.safetensors"), Path.Combine(folder, "model.safetensors"));
        // config.json puts <|patch|> at 505; it is the eleventh special token.
        var path = Path.Combine(folder, "tokenizer.json");
        TokenizerJson.Write(BpeTrainer.Learn(File.ReadLines(TestFiles.Golden("README.md")), BpeTrainerOptions.ForGuard(495 + 12)), path);
        File.WriteAllText(path, File.ReadAllText(path)
            .Replace("<|user|>", "<|header_start|>", StringComparison.Ordinal)
            .Replace("<|agent|>", "<|header_end|>", StringComparison.Ordinal));
        var config = JsonNode.Parse(File.ReadAllText(TestFiles.Golden(golden, "config.json")))!;
        config["text_config"]!["max_position_embeddings"] = 4096;
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
    }

    /// <summary>What a session opens.</summary>
    internal sealed class Opened : IDisposable
    {
        public Opened(SmallRun run, IReadOnlyList<string> freeze)
        {
            torch.set_num_threads(1);
            Model = BaseModel.Open(run.Base, run.Config.Data.PromptVariant);
            Encoder = new RowEncoder(Model, run.Config);
            Source = RowSource.Load(run.Config.Data.Train[0], Encoder, new BadRows(true, _ => { }));
            Network = new SftNetwork(Model, torch.CPU, freeze, AdapterOutput.Of(run.Config), run.Config.Seed);
        }

        public BaseModel Model { get; }

        public RowEncoder Encoder { get; }

        public RowSource Source { get; }

        public SftNetwork Network { get; }

        public List<SftExample> Examples() => [.. Enumerable.Range(0, Source.Count).Select(row => Encoder.Encode(Source.Read(row)))];

        /// <summary>Every gradient after packs were run forth and back, and the loss.</summary>
        public (double Loss, Dictionary<string, float[]> Gradients) Backward(IReadOnlyList<SftPack> packs, bool recompute, int seed = 3)
        {
            foreach (var (_, parameter) in Network.Trainable)
            {
                parameter.grad = null;
            }

            var pass = new PackPass(Network, Model, recompute);
            var divisor = packs.Sum(pack => pack.Answers);
            var loss = packs.Sum(pack => pass.Backward(pack, divisor, seed));
            using var scope = torch.NewDisposeScope();
            return (loss, Network.Trainable.Where(entry => entry.Parameter.grad is not null)
                .ToDictionary(entry => entry.Name, entry => entry.Parameter.grad!.data<float>().ToArray()));
        }

        /// <summary>Moves everything that learns a little.</summary>
        public void Disturb()
        {
            using var frozen = torch.no_grad();
            using var scope = torch.NewDisposeScope();
            using var generator = new torch.Generator(11, torch.CPU);
            foreach (var (_, parameter) in Network.Trainable)
            {
                parameter.add_(torch.randn(parameter.shape, generator: generator) * 0.05);
            }
        }

        public void Dispose()
        {
            Network.Dispose();
            Model.Dispose();
        }
    }

    private sealed class Quiet(List<string>? notes) : ITrainingProgress
    {
        public void Step(StepReport step)
        {
        }

        public void Note(string line) => notes?.Add(line);
    }
}
