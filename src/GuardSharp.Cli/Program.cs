Console.WriteLine("guardsharp");
