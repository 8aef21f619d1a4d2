using GuardSharp.Conversations;
using GuardSharp.Lab.FineTuning;
using GuardSharp.Lab.FineTuning.Network;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Lab.Training;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace GuardSharp.Lab.Distillation;

/// <summary>How far a student's answers are from a teacher's: at every position that predicts an answer token, over the tokens an answer can be made of.</summary>
/// <remarks>
/// (1 - labelShare) T² KL(teacher || student) + labelShare cross-entropy of the labels; both distributions at temperature T, renormalised over the answer
/// tokens, as the verdict reader does. T² keeps the gradients' size (arXiv:1503.02531).
/// </remarks>
internal sealed class DistillationLoss
{
    private readonly TeacherConfig _config;
    private readonly Teacher _teacher;
    private readonly BaseModel _student;

    /// <param name="config">Temperature and share of the labels.</param>
    /// <param name="teacher">Who answers.</param>
    /// <param name="student">Who learns.</param>
    /// <param name="policy">The policy in the prompts.</param>
    /// <exception cref="TrainingException">The two have no two answer tokens in common.</exception>
    public DistillationLoss(TeacherConfig config, Teacher teacher, BaseModel student, Policy policy)
    {
        (_config, _teacher, _student) = (config, teacher, student);
        Tokens = [.. AnswerTokens(student, policy).Where(token => CanAnswer(teacher.OutputTokens, token) && CanAnswer(student.Config.Dimensions.OutputTokens, token))];
        if (Tokens.Length < 2)
        {
            throw new TrainingException($"Teacher and student have {Tokens.Length} answer tokens in common, so there is nothing to compare. Were their output layers pruned to different tokens?");
        }
    }

    /// <summary>The answer tokens that both can give, rising.</summary>
    public int[] Tokens { get; }

    /// <summary>The sum over the pack's answer positions, divided.</summary>
    /// <param name="logits">The student's [answers, vocabulary].</param>
    /// <param name="pack">The examples.</param>
    /// <param name="divisor">Answer tokens of the whole step.</param>
    public torch.Tensor Of(torch.Tensor logits, SftPack pack, double divisor)
    {
        var share = _config.LabelShare;
        if (share == 1)
        {
            return AnswerLoss.Of(logits, pack, divisor);
        }

        var distance = Divergence(logits, pack) * (_config.Temperature * _config.Temperature / divisor);
        return share == 0 ? distance : (distance * (1 - share)) + (AnswerLoss.Of(logits, pack, divisor) * share);
    }

    /// <summary>KL(teacher || student) at the temperature, summed over the pack's answer positions.</summary>
    public torch.Tensor Divergence(torch.Tensor logits, SftPack pack)
    {
        var columns = torch.tensor(Array.ConvertAll(Tokens, token => (long)token), device: logits.device);
        var taught = torch.tensor(_teacher.Logits(pack, Tokens, _student), [pack.Answers, Tokens.Length], device: logits.device);
        var wanted = functional.log_softmax(taught / _config.Temperature, 1);                               // [answers, K]
        var given = functional.log_softmax(logits.index_select(1, columns) / _config.Temperature, 1);       // [answers, K]
        return (wanted.exp() * (wanted - given)).sum();
    }

    private static bool CanAnswer(IReadOnlySet<int>? outputs, int token) => outputs is null || outputs.Contains(token);

    private static IEnumerable<int> AnswerTokens(BaseModel model, Policy policy)
    {
        var known = model.Variant == PromptVariant.Compact || LlamaGuardWording.Of(model.Variant).KnowsCodeInterpreter ? policy : policy.WithoutCodeInterpreter();
        var rendered = PromptBuilder.Build(model.Variant, Conversation.OfUser("?"), known, new PromptOptions(), model.MaxImages);
        var grammar = AnswerGrammar.Compile(rendered.Policy, rendered.AnswerPrefix, model.Encoder.Encode, [model.EndToken]);
        return grammar.Tokens.Concat(grammar.Prefix).Concat(grammar.ListHead).Distinct().Order();
    }
}
