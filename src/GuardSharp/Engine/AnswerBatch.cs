namespace GuardSharp.Engine;

/// <summary>Questions about the token behind some rows: those that ask for the same tokens share one product with the head's rows.</summary>
internal sealed class AnswerBatch(PassRunner passes)
{
    private readonly List<(int[] Tokens, List<Question> Questions)> _groups = [];

    /// <summary>Adds a question.</summary>
    /// <param name="rows">Final rows.</param>
    /// <param name="tokens">Tokens whose logits are wanted; empty: the whole vocabulary.</param>
    /// <param name="complete">Called with the logits, a row for each row.</param>
    /// <param name="fail">Called with an error instead.</param>
    public void Add(float[][] rows, int[] tokens, Action<float[][]> complete, Action<Exception> fail)
    {
        var place = _groups.FindIndex(g => g.Tokens.AsSpan().SequenceEqual(tokens));
        if (place < 0)
        {
            place = _groups.Count;
            _groups.Add((tokens, []));
        }

        _groups[place].Questions.Add(new Question(rows, complete, fail));
    }

    /// <summary>Answers all of them.</summary>
    public void Run()
    {
        foreach (var (tokens, questions) in _groups)
        {
            try
            {
                var logits = passes.Logits([.. questions.SelectMany(question => question.Rows)], tokens);
                var first = 0;
                foreach (var question in questions)
                {
                    question.Complete(logits[first..(first += question.Rows.Length)]);
                }
            }
            catch (Exception error)
            {
                questions.ForEach(question => question.Fail(error));
            }
        }
    }

    private readonly record struct Question(float[][] Rows, Action<float[][]> Complete, Action<Exception> Fail);
}
