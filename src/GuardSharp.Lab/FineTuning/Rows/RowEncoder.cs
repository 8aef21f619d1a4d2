using GuardSharp.Conversations;
using GuardSharp.Evaluation.Augmentation;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Imaging;
using GuardSharp.Lab.Training;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Lab.FineTuning.Rows;

/// <summary>Rows to examples: the prompt of inference and the answer that the model's template ends with. One thread at a time.</summary>
internal sealed class RowEncoder
{
    // With shuffled policies every row may have a grammar of its own.
    private const int MaxGrammars = 256;

    private readonly BaseModel _model;
    private readonly SftConfig _config;
    private readonly PromptOptions _options;
    private readonly int _maxTokens;
    private readonly ImagePart? _dummy;
    private readonly TokenNoise? _noise;
    private readonly Dictionary<string, AnswerGrammar> _grammars = new(StringComparer.Ordinal);

    /// <exception cref="TrainingException">The configuration asks for what the model cannot follow.</exception>
    public RowEncoder(BaseModel model, SftConfig config)
    {
        (_model, _config) = (model, config);
        _options = new PromptOptions { IncludeDescriptions = config.Data.Descriptions };
        Policy = config.Data.Policy is { } file ? Policy.ReadFile(file) : model.DefaultPolicy;
        _maxTokens = Math.Min(config.SequenceTokens, model.Config.Dimensions.MaxPositions);
        if (config.Data.DummyImage && model.Images is null)
        {
            throw new TrainingException($"{model.Folder} judges text alone, so rows without a picture need no empty one. Set data.dummyImage to false.");
        }

        if (model.Variant == PromptVariant.Compact && config.Data.Augmentation.Shuffle > 0)
        {
            throw new TrainingException("The compact prompt names no categories, so their numbers cannot change places. Set data.augmentation.shuffle to 0.");
        }

        _noise = config.Data.TokenNoise is { Share: > 0 } noise
            ? new TokenNoise(new TypableTokens(ModelTokenizer.Load(model.Folder), model.Config.Dimensions.InputIds, asciiOnly: true), noise)
            : null;
        _dummy = config.Data.DummyImage ? EmptyPicture.Make(model.Tokens.TileSize) : null;
    }

    /// <summary>The policy in the prompts, before a row's augmentation.</summary>
    public Policy Policy { get; }

    /// <summary>Refuses a row that could not be learned. A row with pictures is not decoded: that happens when it is seen.</summary>
    /// <exception cref="GuardException">See the message.</exception>
    public void Check(Sample sample)
    {
        var (rendered, target) = Render(sample, new AugmentationRates(), new Random(0));
        if (rendered.Images.Count == 0)
        {
            Require(Encode(sample, rendered, target));
        }
    }

    /// <summary>The example of a row as it is.</summary>
    /// <exception cref="GuardException">The row cannot be expressed, is too long, or a picture is damaged.</exception>
    public SftExample Encode(Sample sample)
    {
        var (rendered, target) = Render(sample, new AugmentationRates(), new Random(0));
        return Require(Encode(sample, rendered, target));
    }

    /// <summary>The example of a row, its policy changed as the rates and the dice say, and noise put into its text as the configuration says.</summary>
    /// <exception cref="GuardException">The row cannot be expressed, is too long, or a picture is damaged.</exception>
    public SftExample Encode(Sample sample, AugmentationRates rates, Random random)
    {
        var (rendered, target) = Render(sample, rates, random);
        if (_noise?.Apply(sample.Conversation, random) is { } noisy && noisy != sample.Conversation)
        {
            var example = Encode(sample, Build(noisy, target.Policy), target);
            if (example.Ids.Length <= _maxTokens)
            {
                return example;
            }
        }

        // A row that is too long with its noise is seen without.
        return Require(Encode(sample, rendered, target));
    }

    private SftExample Encode(Sample sample, RenderedPrompt rendered, PolicyTarget target)
    {
        var pictures = rendered.Images.Select(image => _model.Images!.Process(ImageDecoder.Decode(image.Data.Span, new ImageLimits()))).ToList();
        var prompt = _model.Encoder.Encode(rendered, pictures);
        var (answer, verdict) = Answer(rendered, target);
        // The last answer token is predicted, never read.
        int[] ids = [.. prompt.AllIds(), .. answer[..^1]];
        return new SftExample(sample.Place, ids, answer, verdict, target.Unsafe, prompt.Images);
    }

    private SftExample Require(SftExample example) => example.Ids.Length <= _maxTokens
        ? example
        : throw new InvalidConversationException(
            $"the prompt and its answer have {example.Ids.Length} tokens, but a sequence holds {_maxTokens} (sequenceTokens {_config.SequenceTokens}, positions of the model {_model.Config.Dimensions.MaxPositions}).");

    private (RenderedPrompt Rendered, PolicyTarget Target) Render(Sample sample, AugmentationRates rates, Random random)
    {
        if (sample.ImageCount > _model.MaxImages)
        {
            throw new InvalidConversationException($"the row has {sample.ImageCount} pictures, but the model takes at most {_model.MaxImages}.");
        }

        // What the prompt would leave out of the default policy has to be gone before numbers change places.
        var hasPicture = sample.ImageCount > 0 || _dummy is not null;
        var knowsAll = _model.Variant == PromptVariant.Compact || LlamaGuardWording.Of(_model.Variant).KnowsCodeInterpreter;
        var policy = hasPicture ? Policy.ForImages() : knowsAll ? Policy : Policy.WithoutCodeInterpreter();
        var unknown = sample.Categories.Where(code => policy.Categories.All(category => category.Code != code)).ToList();
        if (unknown.Count > 0)
        {
            throw new InvalidConversationException(
                $"the row violates {string.Join(", ", unknown)}, but its prompt has {CodeRanges.Format(policy.Categories)} only.");
        }

        var target = PolicyAugmentation.Apply(new PolicyTarget(policy, sample.Unsafe!.Value, sample.Categories), rates, random);
        return (Build(sample.Conversation, target.Policy), target);
    }

    private RenderedPrompt Build(Conversation conversation, Policy policy)
    {
        var isText = !conversation.Turns.Any(turn => turn.Parts.Any(part => part is ImagePart));
        return PromptBuilder.Build(_model.Variant, isText && _dummy is not null ? WithDummy(conversation) : conversation, policy, _options, _model.MaxImages);
    }

    /// <summary>The answer's tokens. Of an unsafe row whose categories nobody labelled the list is not known: its verdict alone is learned.</summary>
    private (int[] Answer, int Verdict) Answer(RenderedPrompt rendered, PolicyTarget target)
    {
        var grammar = GrammarOf(rendered);
        var answer = new List<int>(grammar.Prefix);
        var verdict = answer.Count;
        if (!target.Unsafe)
        {
            answer.AddRange(_model.Encoder.Encode("safe"));
            answer.Add(_model.EndToken);
        }
        else if (target.Categories.Count == 0)
        {
            answer.AddRange(_model.Encoder.Encode("unsafe"));
        }
        else
        {
            answer.AddRange(grammar.Encode([.. Enumerable.Range(0, grammar.Codes.Count).Where(place => target.Categories.Contains(grammar.Codes[place]))]));
            answer.Add(_model.EndToken);
        }

        if (_model.Config.Dimensions.OutputTokens is { } outputs && answer.FindIndex(token => !outputs.Contains(token)) is >= 0 and var missing)
        {
            throw new InvalidConversationException($"the answer needs the token {answer[missing]}, which the model's pruned head does not have.");
        }

        return ([.. answer], verdict);
    }

    private AnswerGrammar GrammarOf(RenderedPrompt rendered)
    {
        var key = string.Join(',', rendered.Policy.Categories.Select(category => category.Code));
        if (!_grammars.TryGetValue(key, out var grammar))
        {
            if (_grammars.Count >= MaxGrammars)
            {
                _grammars.Clear();
            }

            grammar = AnswerGrammar.Compile(rendered.Policy, rendered.AnswerPrefix, _model.Encoder.Encode, [_model.EndToken]);
            _grammars.Add(key, grammar);
        }

        return grammar;
    }

    private Conversation WithDummy(Conversation conversation)
    {
        var turns = conversation.Turns.ToArray();
        var first = Array.FindIndex(turns, turn => turn.Role == Role.User);
        if (first >= 0)
        {
            turns[first] = turns[first] with { Parts = [_dummy!, .. turns[first].Parts] };
        }

        return new Conversation(turns);
    }

    /// <summary>The logits of safe and unsafe decide a verdict: their tokens.</summary>
    public (int Safe, int Unsafe) VerdictTokens => (_model.Encoder.Encode("safe")[0], _model.Encoder.Encode("unsafe")[0]);
}
